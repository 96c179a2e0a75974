func.func @boring(%l: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %s = moe.score softmax %l : tensor<?x8xf32> -> tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}
func.func @interesting(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %l: tensor<?x8xf32>) -> tensor<?x2xi32> {
  %s = moe.score softmax %l : tensor<?x8xf32> -> tensor<?x8xf32>
  %ci, %cw = moe.capacity %i, %w cap 4 order rank_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return %ci : tensor<?x2xi32>
}
func.func @boring_too(%l: tensor<?x8xf32>) -> tensor<?x8xf32> {
  return %l : tensor<?x8xf32>
}
