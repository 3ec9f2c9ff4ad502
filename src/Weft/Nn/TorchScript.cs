namespace Weft.Nn;

/// <summary>A compiled TorchScript unit: the door to operators of ATen that TorchSharp has no method for.</summary>
/// <remarks>A script that does not compile ends the process, so a unit's text is constant and a test runs each of its functions.</remarks>
/// <param name="text">The functions, with an empty line at the end, which the compiler wants.</param>
internal sealed class TorchScript(string text)
{
    private readonly Lazy<jit.CompilationUnit> unit = new(() => jit.compile(text));

    /// <summary>Calls a function.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="arguments">Tensors, arrays of tensors, long and double numbers.</param>
    /// <remarks>TorchSharp boxes a number into an object with a finalizer and forgets it, so it could be freed while the operator still reads it; here it lives until the call returns.</remarks>
    public object Invoke(string name, params object[] arguments)
    {
        var held = Array.ConvertAll(arguments, a => a switch
        {
            double number => (Scalar)number,
            long number => (Scalar)number,
            _ => a,
        });
        var result = unit.Value.invoke(name, held);
        GC.KeepAlive(held);
        return result;
    }
}
