"""Who thinks: the LangGraph graph and its nodes. Nodes propose and write nothing."""
