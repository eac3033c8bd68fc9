"""Organizations: who runs them, their groups, their policy, the proofs of their domains."""
