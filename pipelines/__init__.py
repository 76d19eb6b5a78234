"""Programs: each has its options, builds one Beam pipeline or runs one command, and a main(argv)."""
