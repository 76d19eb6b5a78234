"""The program ``report``: what a scan found, as one page that opens offline and prints."""
