"""Fine-tuning: rows to token ids, TRL's trainer around them, and the checkpoint that comes out."""
