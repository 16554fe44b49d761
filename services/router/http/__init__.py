"""What the router serves: the staff API, sign-in, and the desk in the browser."""
