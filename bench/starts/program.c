// What the guest's compiler compiles: some of everything that C programs have.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
  struct node *left, *right;
  unsigned key;
  char name[12];
};

static struct node *insert(struct node *tree, unsigned key) {
  if (tree == NULL) {
    tree = calloc(1, sizeof *tree);
    tree->key = key;
    snprintf(tree->name, sizeof tree->name, "n%u", key);
  } else if (key < tree->key) tree->left = insert(tree->left, key);
  else if (key > tree->key) tree->right = insert(tree->right, key);
  return tree;
}
static unsigned long sum(const struct node *tree) {
  return tree == NULL ? 0 : sum(tree->left) + sum(tree->right) + tree->key + strlen(tree->name);
}
static double series(int terms) {
  double value = 0;
  for (int k = 0; k < terms; k++) value += (k & 1 ? -1.0 : 1.0) / (2 * k + 1);
  return 4 * value;
}
static void sort(unsigned *values, int count) {
  for (int gap = count / 2; gap > 0; gap /= 2)
    for (int k = gap; k < count; k++)
      for (int j = k - gap; j >= 0 && values[j] > values[j + gap]; j -= gap) {
        unsigned other = values[j];
        values[j] = values[j + gap];
        values[j + gap] = other;
      }
}

int main(void) {
  static unsigned values[2000];
  unsigned state = 1;
  struct node *tree = NULL;
  for (int k = 0; k < 2000; k++) {
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    values[k] = state;
    tree = insert(tree, state % 5000);
  }
  sort(values, 2000);
  for (int k = 1; k < 2000; k++)
    if (values[k - 1] > values[k]) return 1;
  printf("%lu %.6f %u\n", sum(tree), series(1000), values[1000]);
  return 0;
}
