"""Children that outlive whoever starts them: kept, written down, found again."""
