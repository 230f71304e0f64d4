"""What must not leave for the model: secrets and personal data become placeholders."""
