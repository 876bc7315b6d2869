"""The example of `ailo demo`: invented people, and what they wrote to each other. The texts are in files beside these modules."""
