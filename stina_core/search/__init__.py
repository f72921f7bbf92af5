"""Full-text search: what people type, what they get, and the indexes that follow the change feed."""
