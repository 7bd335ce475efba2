"""What training scripts call beside their own training: losses and corrections of algorithms."""
