"""What lr × λ, lr / λ, lr and λ explain."""
