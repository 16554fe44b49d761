"""Ways to reach a customer. Each channel is small and hands back an outcome; e-mail is the first."""
