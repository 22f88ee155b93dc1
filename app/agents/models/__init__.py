"""The model tiers: Claude first, GPT when Claude fails, and always the guided answer behind them."""
