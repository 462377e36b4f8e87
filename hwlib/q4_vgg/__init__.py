"""Question 4.II: a pretrained VGG16."""
