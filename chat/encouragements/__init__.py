"""What companions may say to members by the way: suggestions to send as their own, and the rules that make them."""
