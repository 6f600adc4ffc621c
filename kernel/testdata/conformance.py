"""jupyter_kernel_test, whole, against weir.

JUPYTER_PATH must lead to the kernelspec of weir.
"""

import unittest

import jupyter_kernel_test


class Weir(jupyter_kernel_test.KernelTests):
    kernel_name = "weir"
    language_name = "go"
    file_extension = ".go"
    code_hello_world = 'fmt.Println("hello, world")'
    code_stderr = 'println("oops")'
    complete_code_samples = ["x := 1", "func f() int { return 1 }", "1 + 1"]
    incomplete_code_samples = ["func f() {", "x := []int{1,", "1 +"]
    invalid_code_samples = ["x := )"]
    code_generate_error = 'panic("no")'
    code_execute_result = [{"code": "1 + 2", "result": "3"}, {"code": '"a" + "b"', "result": '"ab"'}]
    code_display_data = [{"code": 'cdr := ds.Open("synthetic")\ncdr.Show()\n1', "mime": "text/html"}]
    code_history_pattern = "1 ? 2"
    supported_history_operations = ("tail", "range", "search")
    completion_samples = [{"text": "fmt.Sprint", "matches": {"Sprint", "Sprintf", "Sprintln"}}]
    code_inspect_sample = "fmt.Println"
    code_page_something = "%help"
    code_clear_output = "%clear"


class Welcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "weir"
    support_iopub_welcome = True


if __name__ == "__main__":
    unittest.main(verbosity=2)
