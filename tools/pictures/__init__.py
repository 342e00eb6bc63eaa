"""The pictures of the guide, one subject a file."""
