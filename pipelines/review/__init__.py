"""Review: windows are drawn from a scan, people judge them, and numbers come of it."""
