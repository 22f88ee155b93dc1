"""The guided tier: no model, no key. Lexicons and parsers read, rules decide, phrases answer."""
