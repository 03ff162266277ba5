"""From AdamW's hyperparameters to Lion's."""
