"""What report.py is made of: its nouns, numbers, pictures, charts and the template."""
