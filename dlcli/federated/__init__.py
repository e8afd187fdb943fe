"""Training over data that stay apart: who has which rows, who is asked, and how what they send is added up."""
