"""One open WebSocket connection: its socket, its queue, the order of its frames, and what each of them does."""
