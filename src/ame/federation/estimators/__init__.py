"""What federates estimators of scikit-learn: persistor, assemblers, executor."""
