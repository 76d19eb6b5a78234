"""What is exported, and what all formats share: the calls in order, the folder that is written, numbers as text."""
