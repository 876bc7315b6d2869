"""HTTP below the routes: connections, what is read from a request, and the headers of every response."""
