"""The quality of what institutions send: scores, the monthly circular, and appeals. README.md says for whom."""
