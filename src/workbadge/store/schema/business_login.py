"""The tables of Login for Business and the Business Extension: configurations, installs."""
