"""SQLite through APSW: one current library, one way to the file."""
