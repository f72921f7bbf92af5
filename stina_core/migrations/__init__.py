"""Schema evolution: declared steps, the ledger of applied ones, and the engine between them."""
