"""What the developers of Latchkey run: none of it is deployed."""
