"""The rules that find passwords and other secrets: behind names, in sentences, in addresses."""
