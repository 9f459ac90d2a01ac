"""Who is speaking: what a token says, and the plug-ins that judge it."""
