"""Fits the factors of wattmill.physics.calibration to measured rows; run in its own environment."""
