"""The program ``effort``: how long was listened, where and when, and what is odd about it."""
