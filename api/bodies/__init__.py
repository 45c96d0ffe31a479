"""The formats of request bodies: forms, and what an error says about a wrong one."""
