"""Digital identities: who was let in, in which roles, how they prove it, and how they leave."""
