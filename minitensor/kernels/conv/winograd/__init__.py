"""Winograd's minimal filtering: 3-row kernels with half the multiplications, 3 x 3 kernels with a quarter of them.

Take a filter w of 3 taps over six numbers d = (d0 .. d5). It has four outputs, y_k = w0 d_k + w1 d_(k+1) + w2 d_(k+2),
which take 12 multiplications. Six are enough:

    y = A^T [ (G w) * (B^T d) ]        A^T (4, 6), G (6, 3), B^T (6, 6), * multiplies element by element

To see why, multiply two polynomials, with coefficients w (3 of them) and a (4). The product has the coefficients
c_i = sum of w_j a_k over j + k = i, six of them, so its values at six points determine it. Evaluate both factors at six
points, multiply the values, interpolate:

    c = B [ (G w) * (A a) ]

Now take the scalar product of c with d. It is one number, linear in a and linear in w:

    sum over j, k of w_j a_k d_(j+k) = <d, B [ (G w) * (A a) ]>
                                     = <a, A^T [ (G w) * (B^T d) ]>
                                     = <w, G^T [ (A a) * (B^T d) ]>

Its derivative with respect to a is y, the output of the filter: the second line. If a is the gradient dy of the output,
its derivative with respect to w is the gradient of the filter: the third line. Both take six multiplications.

In a convolution d are six rows of the image and w the three rows of a kernel. Summed over the channels, the elementwise
product becomes a matrix product at each of the six points.

    matrices.py             A, B and G, exact in float32, and how much they cost in accuracy
    row_windows.py          six rows of the image at every fourth row, as a view that copies nothing
    one_axis.py             down the columns only: half the multiplications
    one_axis_gradients.py   the weight gradient
    both_axes.py            down and across: a quarter of the multiplications, for many channels
    transforms.py           the transforms of both_axes.py
    both_axes_gradients.py  the weight gradient in both axes, and both gradients together
    blank.py                windows that see only zeros give exactly the bias

Sources: Lavin and Gray 2015, Fast algorithms for convolutional neural networks, equations 5 to 8; for the points,
Barabasz et al. 2018, Error analysis and improving the accuracy of Winograd convolution for deep neural networks.
"""

from minitensor.kernels.conv.winograd import both_axes, both_axes_gradients, one_axis, one_axis_gradients
