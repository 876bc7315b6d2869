"""What comes back by e-mail: received, examined, and posted into its conversation."""
