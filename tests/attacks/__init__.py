"""The attacks of docs/security.md, each as a test."""
