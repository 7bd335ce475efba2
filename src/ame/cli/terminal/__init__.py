"""What a person sees on a terminal: tables and JSON, and how a run goes."""
