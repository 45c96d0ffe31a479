"""HTTP and the command line: what the client said, and what is answered."""
