"""The metrics of a run drawn: as a picture, as a page, as TensorBoard reads them."""
