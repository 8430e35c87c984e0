"""Today (今日): the residents whom somebody looks after, and what is to be done about them now."""
