"""AWS Lambda: one audit for an event, ended before the function is."""
