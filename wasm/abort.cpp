// How the C++ library ends, in the place of its own function, which brings printf along: 5 KB.
#include <__verbose_abort>

#include <cassert>

_LIBCPP_BEGIN_NAMESPACE_STD
void __libcpp_verbose_abort(const char* reason, ...) noexcept {
  __assert_fail(reason, __FILE__, __LINE__, __func__);
}
_LIBCPP_END_NAMESPACE_STD
