"""What operators and programs do with tasks: make, build, see and end them."""
