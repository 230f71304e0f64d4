"""Replaces secrets and personal data by placeholders before text leaves for the model."""
